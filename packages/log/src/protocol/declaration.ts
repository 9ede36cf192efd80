/**
 * How messages are declared, and the TypeScript types that follow from a declaration.
 *
 * A message is an ordered table of fields. A field is a type's name alone, or an object with the type and where it applies:
 * - `versions`: in which versions of the API it is present; wherever its structure is when left out. A field that is absent decodes to its default.
 * - `nullable`: in which versions it may be null; true for all it has.
 * - `tag`: it is a tagged field with that number, in the versions of `tagged` or wherever it is present.
 * - `default`: where it is not zero, empty or false. A tagged field is written only when it differs from it.
 * - `ignorable`: to be dropped silently where the version lacks it; otherwise a value other than the default is an error there.
 * - `of`: an array's elements: a primitive's name, or the fields of a structure. `fields`: those of a single structure.
 *
 * Version ranges read '3', '2-4', '5+'.
 */
import type { StreamedBytes } from './streamed-bytes.ts'

export type IntegerType = 'int8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64'

export type PrimitiveType = IntegerType | 'float64' | 'bool' | 'string' | 'uuid' | 'bytes' | 'records'

/** One version, a range, or one and all above it: `3`, `0-7`, `9+`; the notation of Kafka's message files. */
export type VersionRange = `${number}` | `${number}-${number}` | `${number}+`

interface FieldOptions {
  readonly versions?: VersionRange
  readonly nullable?: VersionRange | true
  readonly tag?: number
  readonly tagged?: VersionRange
  readonly default?: number | boolean | string | null
  readonly ignorable?: true
}

export interface PrimitiveField extends FieldOptions {
  readonly type: PrimitiveType
}

export interface ArrayField extends FieldOptions {
  readonly type: 'array'
  readonly of: PrimitiveType | Fields
}

export interface StructField extends FieldOptions {
  readonly type: 'struct'
  readonly fields: Fields
}

/** A field of a message as data; its versions say where it is on the wire. */
export type Field = PrimitiveType | PrimitiveField | ArrayField | StructField

/** Fields in the order of the wire. */
export interface Fields {
  readonly [name: string]: Field
}

/** An API: its key and versions on the wire, its request and its response. */
export interface ApiDeclaration {
  readonly key: number
  readonly name: string
  /** What the codec reads and writes. */
  readonly versions: VersionRange
  /** From which version compact types and tagged fields are used; null for never. */
  readonly flexible: VersionRange | null
  readonly request: Fields
  readonly response: Fields
}

type PrimitiveValue<T> = T extends IntegerType | 'float64' ? number : T extends 'bool' ? boolean : T extends 'string' ? string : Uint8Array

/** Records may also be bytes that are not in memory. */
type ValueToEncode<T> = T extends 'records' ? Uint8Array | StreamedBytes : PrimitiveValue<T>

type Nullable<F, T> = F extends { readonly nullable: string | true } ? T | null : T

/** A message as it is decoded: every field is there. Byte arrays are views of the input. */
export type Decoded<F> = { readonly [N in keyof F]: DecodedField<F[N]> }

type DecodedField<F> = F extends { readonly type: 'array'; readonly of: infer E }
  ? Nullable<F, readonly (E extends string ? PrimitiveValue<E> : Decoded<E>)[]>
  : F extends { readonly type: 'struct'; readonly fields: infer S }
    ? Nullable<F, Decoded<S>>
    : F extends { readonly type: infer T }
      ? Nullable<F, PrimitiveValue<T>>
      : PrimitiveValue<F>

/** What makes a field one that may be left out when a message is written: a default of its own, or that not every version has it. */
type Omittable = { readonly default: unknown } | { readonly versions: string } | { readonly tag: number } | { readonly ignorable: true }

type OptionalNames<F> = { [N in keyof F]: F[N] extends Omittable ? N : never }[keyof F]

/** A message to encode: what is left out takes its default. */
export type ToEncode<F> = { readonly [N in Exclude<keyof F, OptionalNames<F>>]: ToEncodeField<F[N]> } & {
  readonly [N in OptionalNames<F>]?: ToEncodeField<F[N]> | undefined
}

type ToEncodeField<F> = F extends { readonly type: 'array'; readonly of: infer E }
  ? Nullable<F, readonly (E extends string ? ValueToEncode<E> : ToEncode<E>)[]>
  : F extends { readonly type: 'struct'; readonly fields: infer S }
    ? Nullable<F, ToEncode<S>>
    : F extends { readonly type: infer T }
      ? Nullable<F, ValueToEncode<T>>
      : ValueToEncode<F>

/** The inclusive bounds of a version range; open ones end at infinity. */
export function versionBounds(range: VersionRange): readonly [from: number, to: number] {
  if (range.endsWith('+')) return [Number(range.slice(0, -1)), Number.POSITIVE_INFINITY]
  const [from, to] = range.split('-')
  return [Number(from), Number(to ?? from)]
}

/** Whether the version lies in the range; an absent range holds every version. */
export function includesVersion(range: VersionRange | true | undefined, version: number): boolean {
  if (range === undefined || range === true) return true
  const [from, to] = versionBounds(range)
  return version >= from && version <= to
}
