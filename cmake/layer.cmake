# cloister_layer(NAME SOURCES a.cpp … DEPENDS core … LIBRARIES lib …)
#
# A static library of one folder. DEPENDS names the layers it may include,
# LIBRARIES the third parties it uses itself.
function(cloister_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(cloister_${name} STATIC ${arg_SOURCES})
  target_include_directories(cloister_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  foreach(layer IN LISTS arg_DEPENDS)
    target_link_libraries(cloister_${name} PUBLIC cloister_${layer})
  endforeach()
  target_link_libraries(cloister_${name} PRIVATE ${arg_LIBRARIES})
  target_link_libraries(cloister_${name} PUBLIC Boost::boost)
  target_compile_definitions(cloister_${name} PUBLIC
    BOOST_ALL_NO_LIB BOOST_JSON_NO_LIB)
  target_precompile_headers(cloister_${name} PRIVATE
    ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp)
  cloister_warnings(cloister_${name})
endfunction()

function(cloister_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wno-missing-field-initializers -Werror)
endfunction()
