/* Lets the search show the text of what it found, where the pages are opened as files.
 *
 * The search of Sphinx fetches each page that it found, to show a passage of it. Browsers refuse to
 * fetch files, so that a reader of files would see titles only. A script may be loaded from a file:
 * page_texts.js, which conf.py writes, holds the text of all pages. It is loaded only here. */
'use strict';

if (location.protocol === 'file:') {
  const texts = new Promise((resolve, reject) => {
    window.setPageTexts = resolve;
    const script = document.createElement('script');
    script.src = '_static/page_texts.js';
    script.onerror = reject;
    document.head.appendChild(script);
  });
  // searchtools.js keeps its functions to itself; fetch is the one call that can be replaced.
  window.fetch = (address) => texts.then((pages) => new Response(pages[address]));
}
