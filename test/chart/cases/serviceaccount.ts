import type { Suite } from "./case.ts";

const annotations = { "a.b/c": "<d> & 'e'" };

export const serviceaccount: Suite = {
  cases: [
    {
      it: "has a token only in pods that ask for one",
      makes: ["ServiceAccount/tanren-operator"],
      expect: { automountServiceAccountToken: false },
      absent: ["metadata.annotations"],
    },
    {
      it: "has another name, and annotations whatever is in them",
      set: { "serviceAccount.name": "somebody", "serviceAccount.annotations": annotations },
      makes: ["ServiceAccount/somebody"],
      expect: { "metadata.annotations": annotations },
    },
    {
      it: "is left to somebody else",
      set: { "serviceAccount.create": false, "serviceAccount.name": "somebody" },
      makes: [],
    },
  ],
};
