# Fuzz targets, fuzz_<name> from <name>_fuzz.cpp. Each links only what it tests: CI builds all of this with a second
# compiler, and seat/ and app/ as a whole would bring PostgreSQL, Kafka and Beast's sources along.
function(onsale_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cpp ${ARG_SOURCES})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(fuzz_${name} PRIVATE ${ARG_LIBRARIES} onsale_warnings)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers fuzz_${name})
endfunction()

add_custom_target(fuzzers)
onsale_fuzzer(http LIBRARIES onsale_net)
onsale_fuzzer(resp LIBRARIES onsale_net_wire PkgConfig::HIREDIS)
onsale_fuzzer(pipeline LIBRARIES onsale_net_wire)
onsale_fuzzer(batch LIBRARIES onsale_net)
onsale_fuzzer(tokens LIBRARIES onsale_core)
onsale_fuzzer(events LIBRARIES onsale_core)
onsale_fuzzer(json LIBRARIES onsale_net SOURCES ${CMAKE_SOURCE_DIR}/seat/requests.cpp
              ${CMAKE_SOURCE_DIR}/seat/seat_list.cpp)
onsale_fuzzer(config LIBRARIES onsale_net SOURCES ${CMAKE_SOURCE_DIR}/app/config.cpp
              ${CMAKE_SOURCE_DIR}/app/config_reader.cpp)
