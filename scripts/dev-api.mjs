// Trunk runs this after each build. DOCKET_API is where the page that `trunk serve` shows finds the API, when that is not the
// address in frontend/index.html. A page for release is left alone: the server that it is put into is its API.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { DOCKET_API, TRUNK_PROFILE, TRUNK_STAGING_DIR } = process.env;

if (DOCKET_API && TRUNK_PROFILE === 'debug') {
  const file = join(TRUNK_STAGING_DIR, 'index.html');
  const page = readFileSync(file, 'utf8');
  const address = /(?<=name="docket-api" content=")[^"]*/;
  if (!address.test(page)) throw new Error(`${file} has no <meta name="docket-api" content="...">.`);
  writeFileSync(file, page.replace(address, () => DOCKET_API));
}
