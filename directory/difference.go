package directory

// ID is the entry that d is about.
func (d AccountDifference) ID() EntryID {
	if d.After != nil {
		return d.After.ID
	}
	return d.Before.ID
}

// ID is the entry that d is about.
func (d GroupDifference) ID() EntryID {
	if d.After != nil {
		return d.After.ID
	}
	return d.Before.ID
}
