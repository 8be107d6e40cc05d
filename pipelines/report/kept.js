/* kept.js - what a page keeps in the browser: a text under a name, in IndexedDB.
 * Not in localStorage, which Chromium writes to disk seconds later and shows to
 * some documents as it was before; that is for browsers that give no IndexedDB, and
 * is read for what pages kept there once. */
"use strict";
const TEXTS = "texts", WAIT_MS = 5000;
const OTHER_WINDOW = "Another window has kept newer answers; they were " +
  "not overwritten. Reload this page to go on from them, or save these.";
const NOT_READ = "What this browser kept cannot be read now: reload this " +
  "page, or load a saved file.";
const NOTHING_KEPT = "This browser keeps nothing: save often.";
/* known: what this document last read or kept. opened: the page has read what was
 * kept, keys count. keeping: texts on their way. */
let known = "", opened = false, keeping = 0;

/* null: the browser has none. Where it does not answer, nothing is kept elsewhere:
 * a later window would not see it. */
const base = new Promise((done, fail) => {
  setTimeout(() => fail(new Error("no answer")), WAIT_MS);
  try {
    const open = indexedDB.open("bearcascade", 1);
    open.onupgradeneeded = () => open.result.createObjectStore(TEXTS);
    open.onsuccess = () => done(open.result);
    open.onerror = () => done(null);
  } catch (e) {
    done(null);
  }
});

function keptBefore(name) {
  try {
    return localStorage.getItem(name) || "";
  } catch (e) {
    return "";
  }
}

/* A promise of the text kept under the name, or of ""; NOT_READ is what to say
 * where it fails. */
async function keptText(name) {
  const db = await base;
  const found = db && await new Promise((done, fail) => {
    const get = db.transaction(TEXTS).objectStore(TEXTS).get(name);
    get.onsuccess = () => done(get.result);
    get.onerror = () => fail(get.error);
  });
  known = found ?? keptBefore(name);
  return known;
}

/* Over before only: what another window kept since stays. */
function put(db, name, text, before) {
  return new Promise((done) => {
    let said = "";
    const change = db.transaction(TEXTS, "readwrite");
    const texts = change.objectStore(TEXTS), get = texts.get(name);
    get.onsuccess = () => {
      if (get.result === undefined || get.result === before) {
        texts.put(text, name);
      } else {
        said = OTHER_WINDOW;
      }
    };
    change.oncomplete = () => done(said);
    change.onabort = () => done(NOTHING_KEPT);
  });
}

/* A promise of "", or of what a person must be told. */
async function keepText(name, text) {
  const before = known;
  known = text;
  keeping++;
  try {
    const db = await base;
    if (db) { return await put(db, name, text, before); }
    localStorage.setItem(name, text);
    return "";
  } catch (e) {
    return NOTHING_KEPT;
  } finally {
    keeping--;
  }
}
