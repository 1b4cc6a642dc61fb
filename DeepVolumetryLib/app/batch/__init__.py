"""``deepvolumetry batch``: a cohort on Dask.

A list of studies (`cohort`, `studies`, `dicomweb`) becomes cases; `plan` leaves out what is done already; `dispatch` hands the
others to Dask, a few at a time; on each worker `runner` gives a case to a warm process of its own (`child`), so that whatever a
case does ends that process at most; `tables` and `page` write down what came of it.
"""
