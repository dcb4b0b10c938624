# cmake -DSOURCE=URL -DSHA256=HEX -DTO=FILE -P download.cmake
file(DOWNLOAD "${SOURCE}" "${TO}" EXPECTED_HASH SHA256=${SHA256} STATUS status
  TLS_VERIFY ON)
list(GET status 0 code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "cannot download ${SOURCE}: ${status}")
endif()
