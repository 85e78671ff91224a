"use strict";
// A table of thousands of keys takes many times longer to lay out than to read,
// again and again while the page loads. So it is not shown until the script at the
// end has left a page of it, or has failed.
document.documentElement.className = "loading";
addEventListener("DOMContentLoaded", () => { document.documentElement.className = ""; });
