//go:build !unix

package rundir

// onlyRegular adds nothing where there is no such flag; links and pipes are told by asking before.
const onlyRegular = 0
