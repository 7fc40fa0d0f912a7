"""What the studio keeps: users, jobs, paintings, boards and pictures, in one SQLite file and folders beside it."""
