import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engineOptionTable } from '@millrace/engine/options'
import { isCheckpointOption, optionTests, optionTestsIn, untested } from './checkpoint-options.ts'

describe('options of state, checkpoints and restarts', () => {
  it('have each a test that shows what they do', () => {
    assert.deepEqual(untested(engineOptionTable, optionTests()), [], 'mark a test with a comment: "option: <key>"')
  })

  it('are what the marked tests speak of', () => {
    const wrong = optionTests().filter(({ key }) => !Object.hasOwn(engineOptionTable, key))
    assert.deepEqual(wrong, [])
  })

  it('are found in titles and in comments before a test', () => {
    const opt = 'option'
    const text = [
      `void test('${opt}: a.b: counts', () => {})`,
      `  // ${opt}: c, ${opt}: d.e`,
      `  it("shows \\"it\\"", () => {`,
      `  it(\`others\`, () => {})`,
    ].join('\n')
    assert.deepEqual(optionTestsIn('x.test.ts', text), [
      { key: 'a.b', path: 'x.test.ts', title: `${opt}: a.b: counts` },
      { key: 'c', path: 'x.test.ts', title: 'shows "it"' },
      { key: 'd.e', path: 'x.test.ts', title: 'shows "it"' },
    ])
    assert.throws(() => optionTestsIn('x.test.ts', `// ${opt}: lost`), /no test follows/)
    const table = {
      'checkpointing.new': { type: 'boolean', documentation: '' },
      parallelism: { type: 'integer', documentation: '' },
    } as const
    assert.deepEqual(untested(table, []), ['checkpointing.new'])
    assert.equal(isCheckpointOption('log.level'), false)
  })
})
