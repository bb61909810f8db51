# The programs of the simulated world: our libraries as they are, but instead of liburing and the socket and clock calls
# of libc a simulated kernel. The libraries are named by file, so that liburing does not come along with onsale_net: a
# function of it that the simulation does not have is an error of the linker.
file(GLOB kernel CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/simulation/kernel/*.cpp
     ${CMAKE_SOURCE_DIR}/tests/simulation/worlds/*.cpp)
set(wrapped socket close bind listen getsockname getpeername setsockopt shutdown send read write eventfd
    clock_gettime getrandom _ZNSt13random_device9_M_getvalEv)
list(TRANSFORM wrapped PREPEND "LINKER:--wrap=")
set(parts seat queue net persist net_wire lua core)

add_library(onsale_simulation OBJECT ${kernel})
target_include_directories(onsale_simulation PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
set_target_properties(onsale_simulation PROPERTIES UNITY_BUILD OFF)  # worlds use the same names
target_link_libraries(onsale_simulation PRIVATE onsale_warnings fmt::fmt simdjson::simdjson OpenSSL::Crypto
                      PkgConfig::PQ PkgConfig::RDKAFKA)

function(onsale_simulated name)
  add_executable(${name} ${ARGN} $<TARGET_OBJECTS:onsale_simulation>)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)  # doctest's main is a source of its own
  target_link_options(${name} PRIVATE ${wrapped})
  foreach(part ${parts})
    add_dependencies(${name} onsale_${part})
    target_link_libraries(${name} PRIVATE $<TARGET_FILE:onsale_${part}>)
  endforeach()
  target_link_libraries(${name} PRIVATE llhttp fmt::fmt simdjson::simdjson OpenSSL::Crypto PkgConfig::PQ
                        PkgConfig::RDKAFKA Threads::Threads onsale_warnings)
endfunction()

onsale_simulated(simulation ${CMAKE_SOURCE_DIR}/tests/simulation/simulate.cpp)
onsale_simulated(unit_simulation ${CMAKE_SOURCE_DIR}/tests/simulation/pitfalls_test.cpp
                 ${CMAKE_SOURCE_DIR}/tests/unit/main.cpp)
add_test(NAME unit_simulation COMMAND unit_simulation)
add_dependencies(programs_under_test unit_simulation)
