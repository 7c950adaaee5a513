// Package e2e proves Lianzhen with other people's programs: the OHIF viewer in Chromium and the dicomweb-client of npm under
// Node ask its DICOMweb door, Orthanc stands beside it as a peer.
//
// The tests need what tools/setup installs. Where a program is missing they are left out with a line, and fail if
// LIANZHEN_TEST_REQUIRE=1. Further variables:
//
//	LIANZHEN_E2E_DOOR=orthanc   drives the same viewers against Orthanc, to tell our faults from theirs
//	LIANZHEN_E2E_PROGRAM=FILE   drives this lianzhen instead of one built from the checkout
//	LIANZHEN_E2E_KEEP=DIR       keeps the screenshots and the list of requests that each viewer made
package e2e
