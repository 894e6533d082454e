// Package etc holds the sample configurations; its test loads every one of them.
package etc
