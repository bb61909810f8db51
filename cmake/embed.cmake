# Turns text files into C++ string constants when the project is built.

# One constant of name NAME (std::string_view, namespace embedded) from FILE.
function(onsale_embed_text file name output)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUTS=${file} -DNAMES=${name} -DOUTPUT=${output}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
endfunction()

# One constant a script; parts named by USES go in front when the program starts (lua/scripts.cpp).
function(onsale_embed_scripts folder output)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*.lua)
  set(names)
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    list(APPEND names ${name})
  endforeach()
  string(REPLACE ";" "," files_text "${files}")
  string(REPLACE ";" "," names_text "${names}")
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUTS=${files_text} -DNAMES=${names_text} -DTABLE=scripts -DOUTPUT=${output}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
endfunction()
