// Package checkpoints saves and loads named vectors of numbers, with a few strings that say what they are.
//
// It has two layers. A [File] is any list of float32 and float64 tensors with metadata: the state of a training run is
// one. A [Rule] is a trained rule: its meta-parameters phi, its name, configuration and provenance. The package knows
// nothing about training; it knows how to keep numbers safe.
//
// # Format
//
// A file is a plain safetensors file (https://huggingface.co/docs/safetensors), so safetensors.torch.load_file and its
// kin read the tensors. What makes it ours lies in the strings of __metadata__:
//
//	format          "unroll"
//	format_version  "1"
//	kind            what the file is for: "rule", or a word of the caller's
//	layout          JSON list of {"name", "shape", "dtype"}: the tensors in their order, which other readers may lose
//	sha256          checksum of all the rest, in hexadecimal
//	...             the caller's own entries
//
// The checksum runs over the metadata without "sha256", sorted by key, each key and each value preceded by its length
// as a little-endian uint64, and then over the bytes of the tensors in the order of the layout. A file that does not
// agree with it is refused: a rule with one flipped bit would train badly and nobody would know why.
//
// docs/format.md describes all this, and what rules and training runs keep in it, so that it can be read without this package.
//
// # Limits
//
// A file is not trusted before its checksum is right. Only regular files are opened; the header takes up to 4 MiB and a
// bounded number of values, the tensors of a rule or of a stream up to 32 MiB and those of other files up to 1 GiB; what is
// beyond that is neither read nor written. A name given twice, which most readers of JSON let pass, is an error, and so is
// a number in a rule that is NaN or infinite.
//
// The same content always gives the same bytes, so files can be compared, and kept under version control.
package checkpoints
