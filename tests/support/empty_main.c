/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked with a whole layer and what it may call: proves the direction of dependency. */
int main(void)
{
	return 0;
}
