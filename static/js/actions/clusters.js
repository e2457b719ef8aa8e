/** What people can do with clusters: pools, images, and the forms over them. */

import * as api from "../server/api.js";
import * as ceph from "../state/clusters/clusters.js";
import * as forms from "../state/clusters/forms.js";
import { csvOf, toggled } from "../state/clusters/curves.js";
import { saveFile } from "../browser/download.js";
import { followBegan, followEnded, poolKey } from "../state/clusters/elsewhere.js";
import { HOME, atView } from "../state/place.js";
import * as change from "../state/state.js";

/** As `makeActions` (actions.js), of which these are a part. */
export function makeCephActions({ getState, update, react, go, failed, tellFailure, preferPageSize }) {
  const place = () => getState().place;
  const view = () => place().view;
  const form = () => getState().ceph.form;
  const goInView = (changes, how) => go({ ...place(), view: { ...view(), ...changes } }, how);
  const fill = (one, apply, ...values) => react(change.withViewForm, one, apply, ...values);

  const looking = {
    openView: (name) => go({ ...HOME, view: atView(name, view()?.cluster ?? null) }),
    chooseCluster: (name) => go({ ...HOME, view: { ...atView(view().name, name), size: view().size } }),
    searchView: (search) => goInView({ search, page: 1 }, "replaceState"),
    sortViewBy: (ordering) => goInView({ ordering, page: 1 }),
    showViewPage: (page) => goInView({ page }),
    setViewSize(size) {
      preferPageSize(size);
      goInView({ size: null, page: 1 });
    },
    clickImage: (path, withShift) => react(change.imageClicked, path, withShift),
    clickAllImages: () => react(change.allImagesClicked),
    draw: (changes) => go({ ...place(), curves: { ...place().curves, ...changes } }, "replaceState"),
    drawImage: (drawn, path) => looking.draw({ images: toggled(drawn, path) }),
    saveCsv: (data, name) => saveFile(csvOf(data), "text/csv", name),
  };

  const filling = {
    openPgsForm: (pool) => goInView({ form: "pgs", pool }),
    openPoolForm: () => goInView({ form: "create", pool: null }),
    openPerformanceForm() {
      const hasSelection = getState().ceph.selection.ids.size > 0;
      goInView({ form: "performance", pool: null });
      if (hasSelection) fill(form(), forms.scoped, "selected");
    },
    closeViewForm: () => view()?.form && goInView({ form: null, pool: null }),
    setViewValue(name, value) {
      fill(form(), forms.valueSet, name, value);
      filling.consider();
    },

    /** Asks what the number that stands there would mean, one question at a time. */
    async consider() {
      const asked = form();
      const text = forms.toConsider(asked);
      if (text === null || asked.isAsking) return;
      update(change.withViewForm, asked, (one) => ({ ...one, isAsking: true }));
      try {
        const preflight = await api.considerPgs(asked.fsid, asked.poolId, Number(text));
        update(change.withViewForm, asked, forms.considered, text, preflight);
      } catch (problem) {
        failed(problem, (words) => update(change.withViewForm, asked, forms.notConsidered, text, words));
      }
      update(change.withViewForm, asked, (one) => ({ ...one, isAsking: false }));
      filling.consider();
    },

    setPgs() {
      const one = form();
      if (!forms.maySet(one)) return;
      const set = () => api.setPgs(one.fsid, one.poolId, Number(one.values.pg_num));
      send(one, set, (pool) => react(change.withCeph, ceph.withPool, pool));
    },
    createPool() {
      const one = form();
      if (one.busy) return;
      const show = (pool) => react(change.withCeph, ceph.withPool, pool, true);
      send(one, () => api.createPool(one.fsid, forms.newPool(one)), show);
    },
    getPerformance() {
      const one = form();
      if (one.busy) return;
      const wanted = forms.measurement(one, [...getState().ceph.selection.ids]);
      send(one, () => api.getPerformance(one.fsid, wanted), (task) => react(change.withCeph, ceph.withTasks, [task]));
    },
  };

  const following = {
    /** A task from now on follows what is made of the pool elsewhere. */
    async followPool(fsid, poolId) {
      const key = poolKey(fsid, poolId);
      if (getState().elsewhere.following.has(key)) return;
      react(change.withElsewhere, followBegan, key);
      let pool = null;
      try {
        pool = await api.followPool(fsid, poolId);
      } catch (problem) {
        failed(problem, (text) => tellFailure(`Not followed: ${text}`));
      }
      react(change.withElsewhere, followEnded, key, pool !== null);
      if (pool !== null && isListed(fsid)) react(change.withCeph, ceph.withPool, pool);
    },
  };

  function isListed(fsid) {
    const query = getState().ceph.list?.query;
    return query?.view === "pools" && query.fsid === fsid;
  }

  /** Back in the list at once, where `show` says what has come of it; or the server's words in the form. */
  async function send(one, ask, show) {
    fill(one, forms.began);
    try {
      const answer = await ask();
      if (change.isSameForm(form(), one)) filling.closeViewForm();
      show(answer);
    } catch (problem) {
      failed(problem, () => fill(one, forms.refused, problem));
    }
  }

  return { ...looking, ...filling, ...following };
}
