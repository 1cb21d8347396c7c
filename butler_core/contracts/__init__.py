"""What each kind of backend promises: the abstract classes that plugins implement."""
