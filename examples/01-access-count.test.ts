import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { execute } from 'millrace'
import accessCount from './01-access-count.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-access-count-'))
after(() => rmSync(folder, { recursive: true }))

/** Twenty requests of `/0`, nineteen of `/1`, and so on, mixed; with queries, and lines that are no requests between them. */
function someLog(): string {
  const paths = Array.from({ length: 20 }, (_, path) => Array.from({ length: 20 - path }, () => path)).flat()
  const mixed = paths.map((_, index) => paths[(index * 37) % paths.length]!)
  return mixed
    .map((path, index) => `10.0.0.1 - - [21/Nov/2026:05:28:56 +0000] "GET /${path}?n=${index} HTTP/1.1" 200 ${index} "-" "curl/8.5"\n`)
    .join('10.0.0.9 - - [21/Nov/2026:05:28:56 +0000] "\\x16\\x03" 400 157 "-" "-"\n')
}

void test('every request is counted once, and every count is written once', async () => {
  writeFileSync(join(folder, 'access.log.gz'), gzipSync(someLog()))
  for (const parallelism of [1, 3]) {
    const output = join(folder, `counts-${parallelism}`)
    const params = { input: join(folder, 'access.log.gz'), output }
    assert.equal((await execute(accessCount, { parallelism, params })).state, 'finished')
    const written = readdirSync(output).flatMap((name) => readFileSync(join(output, name), 'utf8').split('\n').slice(0, -1))
    const expected = Array.from({ length: 20 }, (_, path) => Array.from({ length: 20 - path }, (_, count) => `/${path} ${count + 1}`))
    assert.deepEqual(written.toSorted(), expected.flat().toSorted())
  }
})
