// Where oidc-provider keeps sessions, grants and tokens: a Map that outlives the process in one file, so that a test can
// restart the server with its store, or without.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

export class Store {
  #entries;
  #file;

  constructor(file) {
    this.#file = file;
    this.#entries = new Map(readJson(file, []));
  }

  get(key) {
    return this.#entries.get(key);
  }

  set(key, value) {
    this.#entries.set(key, value);
    this.#save();
  }

  /** Removes every entry for which `wanted` answers false. */
  keep(wanted) {
    for (const [key, value] of this.#entries) if (!wanted(key, value)) this.#entries.delete(key);
    this.#save();
  }

  find(wanted) {
    for (const value of this.#entries.values()) if (wanted(value)) return value;
    return undefined;
  }

  #save() {
    writeFileSync(`${this.#file}.new`, JSON.stringify([...this.#entries]));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

export function readJson(file, otherwise) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return otherwise;
    throw error;
  }
}

/** oidc-provider's adapter interface over one store. */
export function adapterOver(store) {
  return class {
    #model;

    constructor(model) {
      this.#model = model;
    }

    #key(id) {
      return `${this.#model}:${id}`;
    }

    async upsert(id, payload, expiresIn) {
      const expires = expiresIn ? Date.now() + expiresIn * 1000 : undefined;
      store.set(this.#key(id), { model: this.#model, payload, expires });
    }

    async find(id) {
      return alive(store.get(this.#key(id)));
    }

    async findByUserCode(userCode) {
      return alive(store.find(({ payload }) => payload.userCode === userCode));
    }

    async findByUid(uid) {
      return alive(store.find(({ model, payload }) => model === 'Session' && payload.uid === uid));
    }

    async consume(id) {
      const entry = store.get(this.#key(id));
      entry.payload.consumed = Math.floor(Date.now() / 1000);
      store.set(this.#key(id), entry);
    }

    async destroy(id) {
      const gone = this.#key(id);
      store.keep((key) => key !== gone);
    }

    async revokeByGrantId(grantId) {
      store.keep((_, { payload }) => payload.grantId !== grantId);
    }
  };
}

function alive(entry) {
  return entry && (!entry.expires || entry.expires > Date.now()) ? entry.payload : undefined;
}
