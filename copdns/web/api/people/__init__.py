"""Operations on people: profiles, rules, devices, guests, and what is recorded of them."""
