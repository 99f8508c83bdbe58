// Prompts makes the recorded prompts of telephone calls by espeak-ng, from the lists in the folder of prompts:
//
//	go generate ./switch/channel/voice/speech
//
// It replaces every prompt there. A list that has changed needs it; nothing else does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/speech"
)

func main() {
	dir := flag.String("dir", "prompts", "folder with zh.txt and en.txt; zh/ and en/ are made in it")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "prompts:", err)
		os.Exit(1)
	}
}

// voices are faster than those of whole sentences: words that stand alone are spoken slowly.
var voices = map[acquirer.Language]speech.Voice{acquirer.Chinese: {Speed: 240}, acquirer.English: {Speed: 205}}

func run(dir string) error {
	s, err := speech.New(speech.Config{Kind: speech.Espeak, Voices: voices})
	if err != nil {
		return err
	}
	return speech.MakePrompts(context.Background(), s, dir)
}
