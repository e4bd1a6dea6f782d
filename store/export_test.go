package store

// OneByOne makes the store commit each operation in a transaction of its own.
func (s *Store) OneByOne() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.single = true
}
