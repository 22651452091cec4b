"""Device profiles and the choice between them: data and rules, no sessions."""
