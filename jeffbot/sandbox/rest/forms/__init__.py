"""What Discord takes in the body of each request, by topic: tables of fields, and the rules that span several."""
