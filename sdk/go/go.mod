module github.com/akaoio/akao/sdk/go

go 1.19
