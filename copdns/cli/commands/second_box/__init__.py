"""A second box: `copdns follow` there, `copdns follower` at the first one."""
