// Package formats is the list of all dialects in which carts and databases give an electrocardiogram. It chooses among them by content,
// never by the name of a file, and it is where a fault in a reader ends: no panic passes it.
package formats
