// Suggests the browser's time zone, and its country, where nobody chose one yet; without this script
// the page suggests what the machine and the browser's language say.
"use strict";

const place = document.querySelector("select[data-guess]");
const here = place && [...place.options].find((each) => each.text === Intl.DateTimeFormat().resolvedOptions().timeZone);
if (here && !document.getElementById("what-is-wrong")) { // a refused form has what somebody chose
  here.selected = true;
  const country = [...document.getElementById(place.dataset.guess).options].find((each) => each.value && each.value === here.dataset.of);
  if (country) country.selected = true;
}
