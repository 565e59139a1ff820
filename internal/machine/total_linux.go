package machine

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func total() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	n := uint64(info.Totalram) * uint64(info.Unit)
	for _, limit := range cgroupLimits() {
		n = min(n, limit)
	}
	return n
}

// cgroupLimits returns the limits of the control groups that this process is in, such as those of a container.
func cgroupLimits() []uint64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var limits []uint64
	for line := range strings.Lines(string(groups)) {
		// 0::/a/b for version 2, or N:controllers:/a/b for version 1.
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		root, file := "/sys/fs/cgroup", "memory.max"
		switch {
		case controllers == "memory":
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case controllers != "":
			continue
		}
		// The limits of the groups around this one hold too. A container may see its own group as the root.
		for ; strings.HasPrefix(group, "/"); group = path.Dir(group) {
			text, err := os.ReadFile(path.Join(root, group, file))
			if n, parse := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && parse == nil && n > 0 {
				limits = append(limits, n) // and not "max"
			}
			if group == "/" {
				break
			}
		}
	}
	return limits
}
