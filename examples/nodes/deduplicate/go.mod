module com.example.deduplicate

go 1.19

require github.com/akaoio/akao/sdk/go v0.0.0

replace github.com/akaoio/akao/sdk/go => ./akao
