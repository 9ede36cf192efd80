import type { Key, StandardSchema } from './state.ts'

declare const phantom: unique symbol

/** Stands for a type at run time, where TypeScript cannot infer one: `emits: type<Alert>()`. */
export interface Type<T> {
  readonly kind: 'type'
  readonly [phantom]?: T
}

const anyType: Type<never> = Object.freeze({ kind: 'type' })

/** Declares a type to the compiler alone; nothing is checked at run time. A Standard Schema in its place is checked. */
export function type<T>(): Type<T> {
  return anyType
}

/** What `emits` and `sides` take: a type by name, or a Standard Schema (zod, valibot, arktype, …) that also validates what is emitted. */
export type Declared = Type<unknown> | StandardSchema<unknown>

/** The type that a declaration stands for. */
export type TypeOf<D> = D extends StandardSchema<infer T> ? T : D extends Type<infer T> ? T : never

/** Declared side outputs, by name. */
export type SideTypes = { readonly [name: string]: Declared }

/** User functions may be synchronous or return a promise. */
export type MaybePromise<T> = T | Promise<T>

/** A literal type as its general one, so that the key of `keyBy((order) => order.type)` is a string. One with a brand, a `UserId`, keeps it. */
export type WidenKey<K> = K extends string
  ? WidenLiteral<K, string>
  : K extends number
    ? WidenLiteral<K, number>
    : K extends bigint
      ? WidenLiteral<K, bigint>
      : K extends boolean
        ? boolean
        : K extends readonly Key[]
          ? { readonly [I in keyof K]: WidenKey<K[I]> }
          : K

/** A brand is a property that its text or number does not have by itself. */
type WidenLiteral<K, General> = keyof K extends keyof General ? General : K

/** Names of the fields of `T` that can be added up. */
export type NumericField<T> = { [F in keyof T]-?: T[F] extends number | bigint ? F : never }[keyof T]

/** Names of the fields of `T` that have an order. */
export type OrderedField<T> = { [F in keyof T]-?: T[F] extends number | bigint | string | boolean | Date ? F : never }[keyof T]
