# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Labels for what frameworks do, so that profiles can be told apart by it.

Of requests `endpoint`, the route as the program has written it, and `method`; of
jobs `task`, the name. All have few values: a request that no route matches has
the endpoint `[unmatched]`, an unknown method is `[other]`.

Each module imports the framework that it is named after, and nothing imports them
but the program.
"""
