"""The documents held to their word: what they show runs, what they count is counted, what they link to is there."""
