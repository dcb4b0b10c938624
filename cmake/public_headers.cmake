# The headers that programs include, as <cloister/runtime.hpp> and the like: made
# from those of the layers, whose own includes get the prefix. Written when the
# project is configured, which it is again when one of them changes.
set(CLOISTER_PUBLIC_HEADERS
  core/clock.hpp core/error.hpp core/language.hpp core/limits.hpp core/quota.hpp
  core/memory.hpp core/memory_event.hpp core/memory_id.hpp core/result_error.hpp core/rfc3339.hpp
  core/scope.hpp core/version.hpp
  runtime/audit_export.hpp runtime/backup.hpp runtime/caf.hpp runtime/erasure_list.hpp runtime/event_stream.hpp runtime/key_source.hpp runtime/checkpoint.hpp runtime/client.hpp runtime/narrow_key.hpp
  runtime/receipt.hpp runtime/rotation.hpp
  runtime/session.hpp
  runtime/runtime.hpp runtime/types.hpp)
# Included by name; the others by them.
set(CLOISTER_ENTRY_HEADERS runtime/caf.hpp runtime/runtime.hpp)
set(CLOISTER_PUBLIC_DIR ${CMAKE_BINARY_DIR}/include)

foreach(header IN LISTS CLOISTER_PUBLIC_HEADERS)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY
    CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${header})
  file(READ ${CMAKE_SOURCE_DIR}/${header} text)
  string(REGEX REPLACE "#include \"([a-z]+/[a-z0-9_]+\\.hpp)\""
    "#include \"cloister/\\1\"" text "${text}")
  file(CONFIGURE OUTPUT ${CLOISTER_PUBLIC_DIR}/cloister/${header}
    CONTENT "${text}" @ONLY)
endforeach()
foreach(header IN LISTS CLOISTER_ENTRY_HEADERS)
  get_filename_component(name ${header} NAME)
  file(CONFIGURE OUTPUT ${CLOISTER_PUBLIC_DIR}/cloister/${name} CONTENT
"// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include \"cloister/${header}\"
")
endforeach()
