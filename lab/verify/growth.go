// Growth: whether a text of microbiology names something that grows.

package verify

import (
	"slices"
	"strings"

	"golang.org/x/text/width"
)

// Organism is the word of rules for a text that names a micro-organism, or says that some were seen.
const Organism = "organism"

// said reports whether a text says one of the words of a rule.
func said(says []string, text string) bool {
	return slices.Contains(says, Ordinal(text)) || slices.Contains(says, Organism) && Grows(text)
}

// genera of what grows in cultures of people, as they are written in any language, and words of stains. A name that is not here is not guessed.
var genera = []string{
	"abiotrophia", "achromobacter", "acinetobacter", "actinomyces", "aerococcus", "aeromonas", "alcaligenes", "aspergillus", "bacillus", "bacteroides",
	"brucella", "burkholderia", "campylobacter", "candida", "chryseobacterium", "citrobacter", "clostridioides", "clostridium", "corynebacterium", "cronobacter",
	"cryptococcus", "cutibacterium", "edwardsiella", "elizabethkingia", "enterobacter", "enterococcus", "erysipelothrix", "escherichia", "fusarium",
	"fusobacterium", "gemella", "granulicatella", "haemophilus", "hafnia", "helicobacter", "histoplasma", "kingella", "klebsiella", "kluyvera", "kocuria",
	"lactobacillus", "leclercia", "legionella", "leuconostoc", "listeria", "malassezia", "micrococcus", "moraxella", "morganella", "mycobacterium", "neisseria",
	"nocardia", "ochrobactrum", "pantoea", "pasteurella", "peptostreptococcus", "plesiomonas", "prevotella", "propionibacterium", "proteus", "providencia",
	"pseudomonas", "ralstonia", "raoultella", "rhodococcus", "rothia", "salmonella", "serratia", "shewanella", "shigella", "sphingomonas", "staphylococcus",
	"stenotrophomonas", "streptococcus", "talaromyces", "trichosporon", "veillonella", "vibrio", "yersinia", "e. coli", "e.coli", "s. aureus", "mrsa",
	"gram-positive", "gram-negative", "gram positive", "gram negative", "cocci", "bacilli", "yeast", "hyphae", "diplococc", "acid-fast",
	"菌", "球菌", "酵母", "念珠", "菌丝", "孢子", "g+", "g-",
}

// denials make a clause say that nothing is there.
var denials = []string{"无", "未", "没有", "no ", "not ", "none", "negative for", "without"}

// named keeps names that hold a denial, and are none.
var named = strings.NewReplacer("无乳", "", "gram-negative", "gram-positive", "gram negative", "gram-positive", "not further", "", "non-fermenting", "", "未分类", "", "未定种", "")

// Grows reports a text that names a micro-organism and does not deny it in the same clause: "革兰阳性球菌", "Escherichia coli", not "未见细菌".
func Grows(text string) bool {
	t := named.Replace(strings.ToLower(width.Fold.String(text)))
	for clause := range strings.FieldsFuncSeq(t, func(r rune) bool { return strings.ContainsRune(",;，；。、\n", r) }) {
		has := func(word string) bool { return strings.Contains(" "+clause+" ", word) }
		if slices.ContainsFunc(genera, has) && !slices.ContainsFunc(denials, has) {
			return true
		}
	}
	return false
}

// Denies reports a text that says of something that it is not there, and names nothing that is.
func Denies(text string) bool {
	t := " " + named.Replace(strings.ToLower(width.Fold.String(text)))
	return slices.ContainsFunc(denials, func(word string) bool { return strings.Contains(t, word) }) && !Grows(text)
}
