// Type tests: what the types of a table must derive, and what they must refuse.
import { overrideOptions, resolveOptions } from './resolve.ts'
import type { OptionTable, OptionValues } from './table.ts'

const table = {
  plain: { type: 'integer', default: 1, documentation: '' },
  'a.duration': { type: 'duration', documentation: '' },
  'a.b.mode': { type: 'enum', values: ['x', 'y'], default: 'x', documentation: '' },
} as const satisfies OptionTable

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_ extends true>(): void {}

interface Expected {
  readonly plain: number
  readonly a: { readonly duration: number | undefined; readonly b: { readonly mode: 'x' | 'y' } }
}
type Derived = OptionValues<typeof table>
same<Equal<Derived['plain'], Expected['plain']>>()
same<Equal<Derived['a']['duration'], Expected['a']['duration']>>()
same<Equal<Derived['a']['b']['mode'], Expected['a']['b']['mode']>>()

resolveOptions(table, { code: { plain: 2, a: { duration: '5s', b: { mode: 'y' } } } })
// @ts-expect-error: a unit is missing
resolveOptions(table, { code: { a: { duration: '5' } } })
// @ts-expect-error: no such value
resolveOptions(table, { code: { a: { b: { mode: 'z' } } } })
// @ts-expect-error: no such option
overrideOptions(table, resolveOptions(table, {}), { other: 1 })
// @ts-expect-error: an enum's default is a text
const wrong = { x: { type: 'enum', values: ['a'], default: 1, documentation: '' } } as const satisfies OptionTable
void wrong
