// Package recognition says whether a result of another institution is to be recognised (检查检验结果互认), why not, and
// keeps what the doctor decided.
//
// The law is data: rule packs in YAML (rules/) give items, windows, marks, tiers, exemptions, reasons and the words of
// every condition, each with its dates and its source. Load checks and compiles them into a Rulebook; Decide is a pure
// function of (Ask, Prior, Rulebook). Desk joins it with the database: it checks an order against what is known of a
// patient, keeps the check so that it can be replayed, and takes the doctor's choice. Nothing here blocks an order.
package recognition
