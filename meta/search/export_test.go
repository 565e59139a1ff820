package search

// Eigen is for the tests.
var Eigen = eigen
