package main

import "io"

func parse(io.Writer, string) error { return errNoData }
func hostile(io.Writer, string) error { return errNoData }
func charsets(io.Writer, string) error { return errNoData }
func units(io.Writer, string) error { return errNoData }
func rules(io.Writer, string) error { return errNoData }
func trends(io.Writer, string) error { return errNoData }
func files(io.Writer, string) error { return errNoData }
