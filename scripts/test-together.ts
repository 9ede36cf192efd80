// node scripts/test-together.ts FILE…: test files in one process. `node --test --test-isolation=none` does it too, but sets up how it follows tests before any module can have a say in it (see untracked-promises.ts).
import { resolve } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(resolve(file)).href)
  } catch (error) {
    test(file, () => Promise.reject(error))
  }
}
