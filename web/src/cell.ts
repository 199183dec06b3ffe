// A value that views follow.
import { useEffect, useState } from "preact/hooks";

export class Cell<T> {
  #value: T;
  #followers = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }
  get value(): T {
    return this.#value;
  }
  set value(next: T) {
    if (next === this.#value) return;
    this.#value = next;
    for (const follower of [...this.#followers]) follower();
  }
  follow(follower: () => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [, again] = useState(0);
  const seen = cell.value;
  useEffect(() => {
    const render = () => again((n) => n + 1);
    if (cell.value !== seen) render(); // It changed between the drawing and now.
    return cell.follow(render);
  }, [cell]);
  return seen;
}
