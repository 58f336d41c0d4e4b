package sent

import "os"

// Heading is that of the README's table.
const Heading = "## What this SDK sends to Apple, and why"

// Check compares what a service's messages show with the table in the README, which is that file.
func Check(readme, service string, messages []Message) []string {
	text, err := os.ReadFile(readme)
	if err != nil {
		return []string{err.Error()}
	}
	table, err := Read(string(text), Heading, service)
	if err != nil {
		return []string{err.Error()}
	}
	return table.Compare(messages)
}
