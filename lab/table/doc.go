// Package table reads results that were put into a table 检验结果表: CSV and XLSX as township clinics and small analysers have them, with one
// row for each result or one row for each person and a column for each analyte. It also writes the template that is filled in, and results.
//
// What is in a cell is kept as text. A spreadsheet that has turned a result into a date, or an identity number into a number without its
// last digits, is refused with the row and the column, so that a person can put it right: nothing of a table is taken while any of it is wrong.
package table
