// Arrays with holes: `a[1_000_000_000] = 1` is one element, and costs what one element does.

/** Looks no further than the first hole. */
function hasHoles(array: readonly unknown[]): boolean {
  for (let at = 0; at < array.length; at++) if (isHole(array, at)) return true
  return false
}

export function isHole(array: readonly unknown[], at: number): boolean {
  return array[at] === undefined && !Object.hasOwn(array, at)
}

/** The places of an array with holes that have an element. */
export function placesTaken(array: readonly unknown[]): readonly number[] {
  return Object.keys(array).map(Number).filter(Number.isInteger)
}

/** The places that have an element. */
export function placesOf(array: readonly unknown[]): Iterable<number> {
  return hasHoles(array) ? placesTaken(array) : array.keys()
}

/** Holes stay holes. */
export function copyArray(array: readonly unknown[]): unknown[] {
  if (!hasHoles(array)) return array.slice()
  const copy: unknown[] = []
  copy.length = array.length
  for (const at of placesTaken(array)) copy[at] = array[at]
  return copy
}
