# find_package(sluice) defines the target sluice::sluice. The library needs threads and nothing else: what it uses of
# xxHash is compiled into it.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/sluiceTargets.cmake)
