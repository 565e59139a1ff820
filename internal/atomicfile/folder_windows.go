package atomicfile

// Sync does nothing: Windows has no way of flushing a folder, and keeps a journal of renamings.
func (f folder) Sync() error { return nil }
