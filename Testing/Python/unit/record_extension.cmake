# Runs the extension's CMake lists with a Slicer that only writes down what it is asked to build.
#
#   cmake -D ROOT=<repository> -D RECORD=<file> -P record_extension.cmake
#
# Commands that a script may not run (project, add_subdirectory) and the macros of Slicer and CTK are replaced; keywords
# that the real macros do not have are errors here too. Each line of the record is kind|name|value.
cmake_minimum_required(VERSION 3.28)

file(WRITE ${RECORD} "")

function(record kind name)
  foreach(value ${ARGN})
    file(APPEND ${RECORD} "${kind}|${name}|${value}\n")
  endforeach()
endfunction()

macro(project name)
  record(project ${name} ${name})
endmacro()

macro(find_package name)
  set(${name}_USE_FILE ${RECORD}.use.cmake)
  set(${name}_EXTENSION_GENERATE_CONFIG ${RECORD}.generate.cmake)
  set(${name}_EXTENSION_CPACK ${RECORD}.cpack.cmake)
  set(${name}_QTSCRIPTEDMODULES_LIB_DIR lib/Slicer/qt-scripted-modules)
  set(${name}_INSTALL_QTSCRIPTEDMODULES_LIB_DIR lib/Slicer/qt-scripted-modules)
endmacro()

file(WRITE ${RECORD}.use.cmake "")
file(WRITE ${RECORD}.generate.cmake [=[
foreach(variable HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  record(extension ${variable} "${EXTENSION_${variable}}")
endforeach()
]=])
file(WRITE ${RECORD}.cpack.cmake "record(packaged yes yes)\n")

function(add_subdirectory folder)
  set(CMAKE_CURRENT_SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  include(${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt)
endfunction()

function(record_files kind name)
  foreach(value ${ARGN})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${value})
      message(FATAL_ERROR "${name} lists ${value}, which does not exist")
    endif()
    record(${kind} ${name} ${CMAKE_CURRENT_SOURCE_DIR}/${value})
  endforeach()
endfunction()

function(no_unknown_keywords name)
  if(ARGN)
    message(FATAL_ERROR "${name} was called with words that it does not know: ${ARGN}")
  endif()
endfunction()

function(ctkMacroCompilePythonScript)
  cmake_parse_arguments(MY "NO_INSTALL_SUBDIR;GLOBAL_TARGET" "TARGET_NAME;SOURCE_DIR;DESTINATION_DIR;INSTALL_DIR" "SCRIPTS;RESOURCES" ${ARGN})
  no_unknown_keywords(ctkMacroCompilePythonScript ${MY_UNPARSED_ARGUMENTS})
  record_files(script ${MY_TARGET_NAME} ${MY_SCRIPTS})
  record_files(resource ${MY_TARGET_NAME} ${MY_RESOURCES})
  record(destination ${MY_TARGET_NAME} ${MY_INSTALL_DIR})
endfunction()

function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  no_unknown_keywords(slicerMacroBuildScriptedModule ${MY_UNPARSED_ARGUMENTS})
  record(module ${MY_NAME} ${CMAKE_CURRENT_SOURCE_DIR})
  record_files(script ${MY_NAME} ${MY_SCRIPTS})
  record_files(resource ${MY_NAME} ${MY_RESOURCES})
endfunction()

function(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS" ${ARGN})
  no_unknown_keywords(slicer_add_python_unittest ${MY_UNPARSED_ARGUMENTS})
  record_files(test ${MY_SCRIPT} ${MY_SCRIPT})
endfunction()

# Plain files: to the build tree and into the package.
function(configure_file source target)
  if(NOT EXISTS ${source})
    message(FATAL_ERROR "${source} is copied but does not exist")
  endif()
  record(copied ${source} ${target})
endfunction()

function(install)
  cmake_parse_arguments(MY "" "DESTINATION;COMPONENT" "FILES" ${ARGN})
  no_unknown_keywords(install ${MY_UNPARSED_ARGUMENTS})
  foreach(file ${MY_FILES})
    record(installed ${file} ${MY_DESTINATION})
  endforeach()
endfunction()

set(BUILD_TESTING ON)
set(CMAKE_CURRENT_SOURCE_DIR ${ROOT})
include(${ROOT}/CMakeLists.txt)
