module example.org/outside

go 1.26.0

require github.com/seed1498fded/unroll v0.0.0

replace github.com/seed1498fded/unroll => ../..
